"""Language models behind one seam: requests and answers, endpoints, limits, retries, responses on disk, budgets."""
