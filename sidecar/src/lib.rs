//! Ark control plane.
