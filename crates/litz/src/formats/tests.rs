//! Both formats end to end, from files that are built here.

use super::*;

fn text(value: &[u8]) -> Vec<u8> {
    [&(value.len() as u64).to_le_bytes(), value].concat()
}

fn entry(key: &str, kind: u32, payload: &[u8]) -> Vec<u8> {
    [&text(key.as_bytes())[..], &kind.to_le_bytes(), payload].concat()
}

fn array(kind: u32, items: &[Vec<u8>]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &(items.len() as u64).to_le_bytes(), &items.concat()].concat()
}

/// One F32 tensor "t" of 2 x 3 ascending numbers after these entries.
fn gguf(entries: &[Vec<u8>]) -> Vec<u8> {
    let counts = [1_u64, entries.len() as u64].map(u64::to_le_bytes).concat();
    let sizes = [3_u64, 2].map(u64::to_le_bytes).concat();
    let mut file =
        [b"GGUF\x03\0\0\0", &counts[..], &entries.concat(), &text(b"t"), &[2, 0, 0, 0], &sizes].concat();
    file.extend([0; 12]);
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend((0..6).flat_map(|n| (n as f32).to_le_bytes()));
    file
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&text(header.as_bytes())[..], data].concat()
}

#[test]
fn a_gguf_tensor_has_its_shape_outermost_first() {
    let file = TensorFile::from_bytes(gguf(&[])).unwrap();
    let tensor = file.tensor("t").unwrap();
    assert_eq!((tensor.dtype, &tensor.shape[..], tensor.nbytes), (DType::F32, &[2, 3][..], 24));
    let mut out = [0.0; 6];
    dequantize(tensor.dtype, file.bytes(tensor), &mut out).unwrap();
    assert_eq!(out, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert!(file.tensor("T").is_none());
}

#[test]
fn values_are_given_as_the_header_stores_them() {
    let payloads =
        [(8, text(b"a \xff")), (9, array(8, &[text(b"b"), text(b"")])), (9, array(5, &[])), (7, vec![1])];
    let keys = ["text", "texts", "none", "flag"];
    let entries: Vec<_> =
        keys.iter().zip(&payloads).map(|(key, (kind, payload))| entry(key, *kind, payload)).collect();
    let file = TensorFile::from_bytes(gguf(&entries)).unwrap();
    for (key, (kind, payload)) in keys.iter().zip(&payloads) {
        assert_eq!(file.metadata().encoded(key), Some([&kind.to_le_bytes()[..], payload].concat()));
    }
    assert_eq!(file.metadata().encoded("other"), None);
}

#[test]
fn arrays_are_iterated_where_they_are() {
    let strings = array(8, &[text(b"a"), text(b"\xff"), text(b"")]);
    let floats = array(6, &[0.5_f32, -1.0].map(|x| x.to_le_bytes().to_vec()));
    let numbers = array(5, &[[7, 0, 0, 0].to_vec(), [0xff; 4].to_vec()]);
    let nested = array(9, &[array(0, &[vec![1], vec![2]]), strings.clone()]);
    let entries = [("s", &strings), ("f", &floats), ("i", &numbers), ("n", &nested)];
    let file = TensorFile::from_bytes(gguf(&entries.map(|(key, payload)| entry(key, 9, payload)))).unwrap();
    let metadata = file.metadata();
    assert_eq!(metadata.strings("s").unwrap().unwrap().collect::<Vec<_>>(), [&b"a"[..], b"\xff", b""]);
    assert_eq!(metadata.f32s("f").unwrap().unwrap().collect::<Vec<_>>(), [0.5, -1.0]);
    assert_eq!(metadata.i32s("i").unwrap().unwrap().collect::<Vec<_>>(), [7, -1]);
    let items: Vec<_> = metadata.array("n").unwrap().unwrap().iter().collect();
    assert!(
        matches!(items[..], [MetadataValue::Array(a), MetadataValue::Array(b)] if a.len() == 2 && b.kind() == ValueType::Text)
    );
}

#[test]
fn typed_getters_tell_absence_from_another_type() {
    let file = TensorFile::from_bytes(gguf(&[
        entry("n", 4, &[9, 0, 0, 0]),
        entry("negative", 1, &[0xff]),
        entry("bytes", 8, &text(b"\xff")),
    ]));
    let file = file.unwrap();
    let metadata = file.metadata();
    assert_eq!(metadata.unsigned("n").unwrap(), Some(9));
    assert_eq!(metadata.unsigned("absent").unwrap(), None);
    assert_eq!(metadata.get("bytes"), Some(MetadataValue::Text(b"\xff")));
    let wrong = metadata.text("n").unwrap_err().to_string();
    assert_eq!(wrong, "the metadata \"n\" is the integer 9; expected UTF-8 text");
    assert!(metadata.unsigned("negative").is_err());
    assert!(metadata.text("bytes").is_err());
    assert!(metadata.strings("n").is_err());
}

#[test]
fn a_safetensors_file_is_read_by_its_offsets() {
    let header = r#"{"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"__metadata__":{"k":"v"},
        "a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#;
    let file = TensorFile::from_bytes(safetensors(header, b"xyz")).unwrap();
    assert_eq!(file.format(), FileFormat::Safetensors);
    assert_eq!(file.bytes(file.tensor("b").unwrap()), b"yz");
    assert_eq!(file.bytes(file.tensor("a").unwrap()), b"x");
    assert_eq!(file.metadata().text("k").unwrap(), Some("v"));
}

#[test]
fn a_tensor_of_another_file_has_no_bytes() {
    let small = TensorFile::from_bytes(safetensors("{}", b"")).unwrap();
    let large = TensorFile::from_bytes(gguf(&[])).unwrap();
    assert_eq!(small.bytes(&large.tensors()[0]), b"");
}

#[test]
fn every_truncation_is_an_error() {
    let header = r#"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#;
    for whole in [gguf(&[entry("k", 9, &array(8, &[text(b"abc")]))]), safetensors(header, b"xyz")] {
        assert!(TensorFile::from_bytes(whole.clone()).is_ok());
        for length in 0..whole.len() {
            let error = TensorFile::from_bytes(whole[..length].to_vec()).unwrap_err();
            assert!(matches!(error, Error::Format(_)), "{error}");
        }
    }
}

#[test]
fn clones_share_the_file_between_threads() {
    let file = TensorFile::from_bytes(gguf(&[])).unwrap();
    let sizes = [file.clone(), file].map(|file| std::thread::spawn(move || file.tensors().len()));
    assert_eq!(sizes.map(|thread| thread.join().unwrap()), [1, 1]);
}
