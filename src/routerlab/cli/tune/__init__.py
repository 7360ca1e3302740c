"""`routerlab tune`: a model, a cascade, annotations learnt from, scores, the taxonomy."""
