"""Documents that people read: Markdown and notebooks as self-contained pages, and pages as PDF."""
