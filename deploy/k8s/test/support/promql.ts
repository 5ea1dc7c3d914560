import { parser } from '@prometheus-io/lezer-promql';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];
const parsed = new Map<string, SyntaxNode>();

/** One sample of a vector: its labels as text, and its value. */
interface Sample {
  labels: string;
  value: number;
}
type Value = { kind: 'scalar'; value: number } | { kind: 'vector'; samples: Sample[] };

/** What a selector finds, already summed over series; for a counter inside `rate`, its rate. `undefined`: nothing. */
export type Figures = (metric: string, selector: string) => number | undefined;

/**
 * Evaluates the part of PromQL that the scalers use, with its rules for what is missing: a vector without samples makes nothing
 * of whatever it is calculated with, `or` adds what the left side has not, a comparison drops what does not hold.
 *
 * @returns the one value, or undefined for an empty answer.
 * @throws Error for a function or an operator that is not known here, and for an answer of several values.
 */
export function evaluate(query: string, figures: Figures): number | undefined {
  const text = (node: SyntaxNode) => query.slice(node.from, node.to);
  const parts = (node: SyntaxNode): SyntaxNode[] => {
    const found: SyntaxNode[] = [];
    for (let child = node.firstChild; child !== null; child = child.nextSibling) found.push(child);
    return found;
  };
  const one = (node: SyntaxNode, name: string): SyntaxNode => {
    const found = node.getChild(name);
    if (found === null) throw new Error(`${text(node)}: no ${name}`);
    return found;
  };
  const vector = (value: number | undefined): Value => ({ kind: 'vector', samples: value === undefined ? [] : [{ labels: '', value }] });
  const number = (value: Value): number => {
    if (value.kind === 'scalar') return value.value;
    throw new Error(`${query}: a number is expected`);
  };
  const each = (value: Value, change: (value: number) => number): Value =>
    value.kind === 'scalar'
      ? { kind: 'scalar', value: change(value.value) }
      : { kind: 'vector', samples: value.samples.map(({ labels, value }) => ({ labels, value: change(value) })) };

  const work = (node: SyntaxNode): Value => {
    switch (node.name) {
      case 'PromQL':
      case 'ParenExpr': {
        const [inner] = parts(node).filter(({ name }) => name !== '(' && name !== ')');
        if (inner === undefined) throw new Error(`${text(node)}: nothing`);
        return work(inner);
      }
      case 'NumberDurationLiteral':
        return { kind: 'scalar', value: Number(text(node)) };
      case 'VectorSelector':
        return vector(figures(text(one(node, 'Identifier')), text(one(node, 'LabelMatchers'))));
      case 'MatrixSelector':
        return work(one(node, 'VectorSelector'));
      case 'AggregateExpr':
        return aggregate(text(one(node, 'AggregateOp')), work(argumentsOf(node)[0] ?? node));
      case 'FunctionCall':
        return call(text(one(node, 'FunctionIdentifier')), argumentsOf(node));
      case 'BinaryExpr':
        return binary(node);
      default:
        throw new Error(`${node.name} is not known here: ${text(node)}`);
    }
  };
  const argumentsOf = (node: SyntaxNode) => parts(one(node, 'FunctionCallBody')).filter(({ name }) => !['(', ')', ','].includes(name));

  const aggregate = (operator: string, over: Value): Value => {
    if (over.kind === 'scalar') throw new Error(`${operator} of a number`);
    const values = over.samples.map(({ value }) => value);
    if (values.length === 0) return vector(undefined);
    if (operator === 'sum') return vector(values.reduce((sum, value) => sum + value, 0));
    if (operator === 'max') return vector(Math.max(...values));
    throw new Error(`${operator} is not known here`);
  };
  const call = (name: string, given: SyntaxNode[]): Value => {
    const [first, ...others] = given;
    if (first === undefined) throw new Error(`${name} of nothing`);
    const value = work(first);
    switch (name) {
      case 'rate':
        return value;
      case 'vector':
        return vector(number(value));
      case 'clamp': {
        const [least = 0, most = 0] = others.map((other) => number(work(other)));
        return each(value, (it) => Math.max(least, Math.min(most, it)));
      }
      case 'clamp_max': {
        const [most = 0] = others.map((other) => number(work(other)));
        return each(value, (it) => Math.min(most, it));
      }
      case 'label_replace': {
        if (value.kind === 'scalar') throw new Error('label_replace of a number');
        const [label = '', replacement = ''] = others.map(text);
        return {
          kind: 'vector',
          samples: value.samples.map((sample) => ({ ...sample, labels: `${sample.labels}{${label}=${replacement}}` })),
        };
      }
      default:
        throw new Error(`${name}() is not known here`);
    }
  };
  const binary = (node: SyntaxNode): Value => {
    const [left, operator, ...rest] = parts(node);
    const right = rest.at(-1);
    if (left === undefined || operator === undefined || right === undefined) throw new Error(`${text(node)}: two sides are expected`);
    const [a, b] = [work(left), work(right)];
    if (operator.name === 'Or') {
      if (a.kind === 'scalar' || b.kind === 'scalar') throw new Error('or of a number');
      return {
        kind: 'vector',
        samples: [...a.samples, ...b.samples.filter(({ labels }) => !a.samples.some((one) => one.labels === labels))],
      };
    }
    const bool = rest.some(({ name }) => name === 'BoolModifier');
    const calculate = (x: number, y: number): number | undefined => {
      switch (operator.name) {
        case 'Mul':
          return x * y;
        case 'Div':
          return x / y;
        case 'Gtr':
          return bool ? Number(x > y) : x > y ? x : undefined;
        case 'Gte':
          return bool ? Number(x >= y) : x >= y ? x : undefined;
        default:
          throw new Error(`${operator.name} is not known here: ${text(node)}`);
      }
    };
    if (a.kind === 'scalar') throw new Error(`${text(node)}: a vector is expected first`);
    const samples = a.samples.flatMap(({ labels, value }) => {
      const others = b.kind === 'scalar' ? [b.value] : b.samples.filter((one) => one.labels === labels).map((one) => one.value);
      return others.flatMap((other) => {
        const result = calculate(value, other);
        return result === undefined ? [] : [{ labels, value: result }];
      });
    });
    return { kind: 'vector', samples };
  };

  const tree = parsed.get(query) ?? parser.parse(query).topNode;
  parsed.set(query, tree);
  const answer = work(tree);
  if (answer.kind === 'scalar') return answer.value;
  if (answer.samples.length > 1) throw new Error(`${query}: ${answer.samples.length} values`);
  return answer.samples[0]?.value;
}
