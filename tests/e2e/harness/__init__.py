"""Runs Ark as it is built: real Envoy, the filter, the sidecar and scripted providers."""
