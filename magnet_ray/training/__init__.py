"""Training on what synthesis made: SFT and multi-turn DPO on Ray Train."""
