"""What one sitting writes down: its header, its records, their text, and the file they are appended to. No
figures.
"""
