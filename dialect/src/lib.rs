//! Wire formats of clients and providers.
