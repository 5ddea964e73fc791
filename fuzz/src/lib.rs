//! What the targets do with an input: open it and read all that it holds; what holds of every tokenizer.

pub mod tokenizers;

use litz::formats::{dequantize, TensorFile, Value};

/// Reads every value and converts the first blocks of every tensor; nothing of it may panic or leave the file.
pub fn read_all(data: &[u8]) {
    let Ok(file) = TensorFile::from_bytes(data.to_vec()) else { return };
    for (key, value) in file.metadata().iter() {
        assert!(file.metadata().get(key).is_some());
        visit(value);
        let _ = file.metadata().text(key);
        let _ = file.metadata().unsigned(key);
    }
    for tensor in file.tensors() {
        assert_eq!(file.tensor(&tensor.name), Some(tensor));
        let bytes = file.bytes(tensor);
        assert_eq!(bytes.len(), tensor.nbytes);
        assert_eq!(tensor.dtype.bytes_for(tensor.elements()), Some(tensor.nbytes));
        let (elements, size) = tensor.dtype.block();
        let blocks = (bytes.len() / size).min(4);
        let mut out = vec![0.0; blocks * elements];
        let _ = dequantize(tensor.dtype, &bytes[..blocks * size], &mut out);
    }
}

fn visit(value: Value<'_>) {
    if let Value::Array(array) = value {
        assert_eq!(array.iter().map(visit).count(), array.len());
    }
}
