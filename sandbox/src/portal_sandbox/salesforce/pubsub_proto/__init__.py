"""The Pub/Sub API's messages and stubs, generated with grpcio-tools 1.85.1 from pubsub.proto beside this file.

To generate again, in `sandbox/src`:
`python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=.
portal_sandbox/salesforce/pubsub_proto/pubsub.proto`
"""
