"""Messages and tools as tokens with a loss mask, and back: one renderer for training, serving and evaluation."""
