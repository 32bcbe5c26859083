"""Models on Ray Serve: the teacher's replicas inside the cluster, and the way to them without HTTP."""
