"""From a labelled corpus and a model to the best router that the model can be, with honest error bars."""
