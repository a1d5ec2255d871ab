"""What CEF and LEEF have in common: lines of keys and values."""
