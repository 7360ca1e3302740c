"""Chat that is sent on: to the model that the decision, the table, and what went before say."""
