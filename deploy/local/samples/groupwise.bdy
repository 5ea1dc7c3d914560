Bitte prfen.
