"""Models on Ray Serve: the teacher's replicas inside the cluster, and the way to them without HTTP.

Ray Serve reads its environment when it is imported, and a Ray that is started here hands it on to its processes; so the defaults are set
before any module of this package imports it. In a cluster that runs already its own environment counts.
"""

from __future__ import annotations

import os
from typing import Final

SERVE_ENVIRONMENT: Final = {
    # Requests reach replicas over gRPC, with the cluster's token, and not as Ray's tasks, which cost each piece of an answer more.
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    # The gateway limits bodies; 4 MiB by default is less than it lets pass. As much as Ray lets its own messages have.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str((1 << 31) - 1),
}
"""How Ray Serve is set up unless the user's environment says otherwise."""

for _name, _value in SERVE_ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)
