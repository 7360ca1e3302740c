"""From a labelled corpus to a router. Fitting needs scikit-learn; nothing here is needed to ask a router."""
