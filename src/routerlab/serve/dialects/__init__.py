"""The ways to ask for a decision: from a body to questions, from answers to a body."""
