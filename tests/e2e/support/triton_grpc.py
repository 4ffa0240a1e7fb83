"""tritonclient.grpc, whose messages live in a descriptor pool of their own: KServe's client brings others of the same
names, and Python's protobuf takes each name only once in its common pool. Tests import the client from here."""

from unittest import mock

from google.protobuf import descriptor_pool

_POOL = descriptor_pool.DescriptorPool()

with mock.patch.object(descriptor_pool, "Default", lambda: _POOL):
    import tritonclient.grpc as triton
    import tritonclient.grpc.aio as triton_aio

__all__ = ["triton", "triton_aio"]
