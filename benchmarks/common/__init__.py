"""What several benchmarks share: scenes, oracles, peers, tables."""
