"""What every mode uses: the shell, pages, dialogs, help, text and colours. Knows no mode."""
