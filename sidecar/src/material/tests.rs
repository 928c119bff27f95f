use ark_gateway_core::identity::Algorithm;

use super::jwks::check;

#[test]
fn a_set_of_keys_serves_its_algorithms_and_holds_no_secret() {
    let rsa = r#"{"kty":"RSA","n":"x","e":"AQAB","alg":"RS256"}"#;
    let bare = r#"{"kty":"RSA","n":"x","e":"AQAB"}"#;
    let private = r#"{"kty":"RSA","n":"x","e":"AQAB","d":"x"}"#;
    let curve = r#"{"kty":"EC","crv":"P-384","x":"x","y":"y"}"#;
    let secret = r#"{"kty":"oct","k":"x"}"#;
    use Algorithm::{EdDsa, Es256, Es384, Hs256, Ps256, Rs256};
    for (key, algorithms, wrong) in [
        (rsa, &[Rs256][..], ""),
        (rsa, &[Es256, Rs256], ""),
        (bare, &[Ps256], ""),
        (rsa, &[Ps256], "holds no key for any of the algorithms"),
        (curve, &[Es384], ""),
        (
            curve,
            &[Es256, EdDsa],
            "holds no key for any of the algorithms",
        ),
        (private, &[Rs256], "holds a private key"),
        (secret, &[Hs256], ""),
        (
            secret,
            &[Rs256],
            "holds a shared secret, and no algorithm takes one",
        ),
        ("1", &[Rs256], "is not a JSON Web Key Set"),
    ] {
        let found = check(&format!("{{\"keys\": [{key}]}}"), algorithms);
        let found = found.err().map_or(String::new(), |(message, _)| message);
        assert_eq!(found, wrong, "{key} {algorithms:?}");
    }
}
