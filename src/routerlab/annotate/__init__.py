"""From saved sessions and files of prompts to a labelled corpus: queues, labels, agreement, promotion."""
