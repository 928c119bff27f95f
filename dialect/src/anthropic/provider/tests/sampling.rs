use super::*;

/// Writes a request with these numbers and says what became of them.
fn check(model: &str, thinks: bool, numbers: [&str; 2], expected: &str, losses: &[Field]) {
    let [temperature, top_p] = numbers.map(|number| serde_json::from_str(number).ok());
    let request = ChatRequest {
        temperature,
        top_p,
        reasoning: thinks.then(|| budget(1024)),
        ..ask()
    };
    let (body, lost) = write(&request, model);
    let said: Vec<String> = ["temperature", "top_p"]
        .iter()
        .filter_map(|name| body.get(name).map(|value| format!("{name} {value}")))
        .collect();
    assert_eq!(said.join(", "), expected, "{model} {numbers:?}");
    assert_eq!(lost, losses, "{model} {numbers:?}");
}

#[test]
fn sampling_is_what_the_model_takes() {
    let first = "claude-3-7-sonnet-latest";
    let temperature = [Field::Temperature];
    check(OLD, false, ["2", ""], "temperature 1", &temperature);
    check(OLD, false, ["-1", ""], "temperature 0", &temperature);
    let top_p = [Field::TopP];
    check(OLD, false, ["0.2", "0.9"], "temperature 0.2", &top_p);
    check(OLD, false, ["1", "0.9"], "top_p 0.9", &[]);
    let said = "temperature 0.2, top_p 0.9";
    check(first, false, ["0.2", "0.9"], said, &[]);
    let both = [Field::Temperature, Field::TopP];
    check(OLD, true, ["0.2", "0.9"], "", &both);
    check(OLD, true, ["1", "0.95"], "top_p 0.95", &[]);
    check(NEW, false, ["0.2", "0.9"], "", &both);
    check(NEW, false, ["1", "1.0"], "", &[]);
    let top_k = ChatRequest {
        top_k: Some(3),
        ..ask()
    };
    let lost = (Value::Null, vec![Field::TopK]);
    assert_eq!(member(&top_k, NEW, "top_k"), lost);
    assert_eq!(member(&top_k, OLD, "top_k"), (json!(3), vec![]));
}
