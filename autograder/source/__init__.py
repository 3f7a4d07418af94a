"""Python and notebooks as text, for everything that reads them: nothing of them is ever run here."""
