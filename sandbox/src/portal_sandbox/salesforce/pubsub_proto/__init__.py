"""The Pub/Sub API's messages, generated with grpcio-tools 1.85.1 from pubsub.proto beside this file.

To generate again, in `sandbox/src`:
`python -m grpc_tools.protoc -I. --python_out=. --pyi_out=.
portal_sandbox/salesforce/pubsub_proto/pubsub.proto` and then
`sed -i 's/_descriptor_pool.Default()/_descriptor_pool.DescriptorPool()/' …/pubsub_pb2.py`:
with a descriptor pool of its own the sandbox can share a process with a client that generated the same package.
"""
