"""Study 2: a registered, randomised experiment of routers under synthetic traffic."""
