"""Study 2: a registered, randomised experiment under synthetic traffic, from protocol to verdict."""
