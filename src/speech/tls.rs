//! Two libraries bring a provider of cryptography each, and TLS refuses to guess which one is meant.

/// Once in a process, before anybody speaks TLS; again it changes nothing.
pub fn choose_tls() {
    // Somebody has chosen already: that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
