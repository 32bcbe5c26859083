"""Wrong turns: made by a student or by rules, told apart by their kind, and paired with the right ones (paper, section 3.4)."""
