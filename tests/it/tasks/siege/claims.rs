//! Many workers, one queue.
