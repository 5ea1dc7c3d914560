#!/bin/sh
# Rolls a version out: what the topology Job needs, the Job to its end, then the stages. When the Job fails, no stage has changed.
# Usage: k8s/roll-out.sh OVERLAY        (a folder such as k8s/overlays/small; kubectl's current context says which cluster)
set -eu
overlay=${1:?usage: k8s/roll-out.sh OVERLAY, a folder such as k8s/overlays/small}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kubectl kustomize "$overlay" > "$work/all.yaml"

# Stages and what scales them come last; everything else is there before.
awk -v first="$work/first.yaml" -v last="$work/last.yaml" '
  function flush() { if (text != "") printf "---\n%s", text > (kind ~ /^(Deployment|ScaledObject)$/ ? last : first); text = ""; kind = "" }
  /^---/ { flush(); next }
  /^kind:/ { kind = $2 }
  { text = text $0 "\n" }
  END { flush() }' "$work/all.yaml"
namespaces=$(awk '
  /^---/ { kind = ""; namespace = "" }
  /^kind:/ { kind = $2 }
  /^  namespace:/ { namespace = $2 }
  kind == "Job" && namespace != "" && !told[namespace]++ { print namespace }' "$work/all.yaml")

# A Job cannot be changed, so the one of the last version goes.
for namespace in $namespaces; do
  kubectl --namespace "$namespace" delete job topology --ignore-not-found --wait
done
kubectl apply -f "$work/first.yaml"
for namespace in $namespaces; do
  if ! kubectl --namespace "$namespace" wait --for=condition=complete --timeout=600s job/topology; then
    echo "roll-out stopped: the queues in $namespace are not as this version needs them; no stage has been changed" >&2
    kubectl --namespace "$namespace" logs job/topology --tail=40 >&2 || true
    exit 1
  fi
done
kubectl apply -f "$work/last.yaml"
for namespace in $namespaces; do
  kubectl --namespace "$namespace" rollout status deployment --selector app.kubernetes.io/part-of=mailrail --timeout=600s
done
