//! Writes the key vectors as an array that the program includes.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use serde_json::Value;

const VECTORS: &str = "../vectors/keys.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={VECTORS}");
    let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(VECTORS)?)?;
    let rows: Vec<String> = cases.iter().map(row).collect::<Result<_, _>>()?;
    let table = Path::new(&env::var("OUT_DIR")?).join("key_vectors.rs");
    fs::write(table, format!("&[\n{}]\n", rows.concat()))?;
    Ok(())
}

/// Returns one vector as a line of Rust: the input's bytes, and the expected result of `ApiKey::parse`.
fn row(case: &Value) -> Result<String, Box<dyn Error>> {
    // each character stands for one byte
    let input = text(case, "input")?.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>()?;
    let expected = match case.get("ok") {
        Some(key) => format!("Ok(({:?}, {:?}))", text(key, "id")?, bytes(text(key, "digest")?)?),
        None => format!("Err(ParseKeyError::{})", error(case)?),
    };
    Ok(format!("(b\"{}\", {expected}),\n", input.escape_ascii()))
}

fn error(case: &Value) -> Result<String, Box<dyn Error>> {
    let detail = || case["detail"].as_u64().ok_or("an error without its detail");
    Ok(match text(case, "error")? {
        "prefix" => "Prefix".to_owned(),
        "length" => format!("Length {{ found: {} }}", detail()?),
        "character" => format!("Character {{ index: {} }}", detail()?),
        "checksum" => "Checksum".to_owned(),
        _ => return Err("an error that this program doesn't know".into()),
    })
}

fn text<'v>(case: &'v Value, name: &str) -> Result<&'v str, String> {
    case[name].as_str().ok_or_else(|| format!("a vector without its {name}"))
}

fn bytes(hexadecimal: &str) -> Result<[u8; 32], Box<dyn Error>> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| Ok(u8::from_str_radix(str::from_utf8(pair)?, 16)?));
    let bytes: Vec<u8> = bytes.collect::<Result<_, Box<dyn Error>>>()?;
    Ok(bytes.try_into().map_err(|_| "a digest that is not 32 bytes long")?)
}
