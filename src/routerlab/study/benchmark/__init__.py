"""Study 1: a plan, whether its arms are in harmony, and carrying it out."""
