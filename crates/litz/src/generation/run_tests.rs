//! The loop over a model whose logits are a hash of all that it has read.

use std::sync::Mutex;

use super::*;
use crate::generation::TokenText;

const VOCAB: usize = 40;
const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Hashing {
    context: usize,
    /// The tokens read by each call: one list a batch item.
    calls: Mutex<Vec<Vec<Vec<u32>>>>,
    /// The logit of one token, always.
    fixed: Option<(u32, f32)>,
    /// Going back reaches a multiple of this many tokens only, as a recurrent state does; 0 reaches any.
    snapshots: usize,
}

fn hash(tokens: &[u32], salt: u64) -> f32 {
    let mut state = 0xcbf2_9ce4_8422_2325 ^ salt;
    for token in tokens {
        state = (state ^ u64::from(*token)).wrapping_mul(0x0000_0100_0000_01b3);
        state ^= state >> 29;
    }
    (state >> 40) as f32 / (1 << 24) as f32 * 4.0
}

fn ids<'a>(inputs: &Inputs<'a>) -> &'a [u32] {
    match inputs {
        Inputs::Tokens(ids) => ids,
        Inputs::Embeddings(_) => panic!("the loop feeds tokens"),
    }
}

impl Forward for Hashing {
    type Sequence = Vec<u32>;

    fn vocab(&self) -> usize {
        VOCAB
    }

    fn context(&self) -> usize {
        self.context
    }

    fn sequence(&self) -> Vec<u32> {
        Vec::new()
    }

    fn len(&self, sequence: &Vec<u32>) -> usize {
        sequence.len()
    }

    fn rewind(&self, sequence: &mut Vec<u32>, to: usize) -> Result<usize> {
        let reached = if to < sequence.len() { to - to % self.snapshots.max(1) } else { to };
        sequence.truncate(reached);
        Ok(reached)
    }

    fn fork(&self, sequence: &Vec<u32>, len: usize) -> Result<Vec<u32>> {
        let mut copy = sequence.clone();
        self.rewind(&mut copy, len)?;
        Ok(copy)
    }

    fn forward(
        &self,
        batch: &mut [(&mut Vec<u32>, Inputs<'_>)],
        outputs: Outputs,
        logits: &mut Vec<f32>,
    ) -> Result<()> {
        assert_eq!(outputs, Outputs::Last);
        self.calls.lock().unwrap().push(batch.iter().map(|(_, inputs)| ids(inputs).to_vec()).collect());
        logits.clear();
        for (sequence, inputs) in batch {
            let tokens = ids(inputs);
            assert!(!tokens.is_empty());
            sequence.extend_from_slice(tokens);
            assert!(sequence.len() <= self.context);
            let start = logits.len();
            logits.extend((0..VOCAB).map(|token| hash(sequence, token as u64 + 1)));
            if let Some((token, value)) = self.fixed {
                logits[start + token as usize] = value;
            }
        }
        Ok(())
    }
}

fn model() -> Arc<Hashing> {
    Arc::new(Hashing { context: 200, ..Hashing::default() })
}

/// Letters: token n is the n-th letter, and token 39 a special one.
fn letters() -> OpenText {
    struct Letters(bool);
    impl TokenText for Letters {
        fn push(&mut self, token: u32) -> Result<String> {
            let special = if self.0 { "" } else { "<end>" };
            Ok(if token == 39 { special.into() } else { char::from(b'A' + token as u8).into() })
        }
        fn finish(&mut self) -> Result<String> {
            Ok(String::new())
        }
    }
    Arc::new(|skip| Box::new(Letters(skip)))
}

fn start(model: &Arc<Hashing>, prompts: &[Vec<u32>], json: &str) -> Result<Generation<Hashing>> {
    Generation::new(Arc::clone(model), prompts, Params::from_json(json)?, None, None)
}

type Results = Vec<(Vec<u32>, Option<FinishReason>)>;

fn collect(mut generation: Generation<Hashing>, at_once: usize) -> Results {
    let mut results = vec![(Vec::new(), None); generation.rows.len()];
    while !generation.done() {
        for event in generation.advance(at_once, LONG).unwrap() {
            assert_eq!(results[event.row].1, None, "a token after the last");
            results[event.row].0.push(event.token);
            results[event.row].1 = event.finish;
        }
    }
    results
}

fn run(prompts: &[Vec<u32>], json: &str) -> Results {
    collect(start(&model(), prompts, json).unwrap(), 1000)
}

fn message(prompts: &[Vec<u32>], json: &str) -> String {
    start(&model(), prompts, json).err().unwrap().to_string()
}

fn prompts() -> Vec<Vec<u32>> {
    vec![vec![1, 2, 3], vec![7], (0..150).map(|n| n % 37).collect(), vec![7, 7]]
}

const SAMPLED: &str = r#"{"do_sample": true, "seed": 11, "temperature": 0.7, "top_p": 0.9, "max_new_tokens": 20,
    "eos_token_id": [5], "repetition_penalty": 1.2, "frequency_penalty": 0.3}"#;

#[test]
fn greedy_follows_the_highest_logit() {
    let [(tokens, finish)] = &run(&[vec![1, 2]], r#"{"max_new_tokens": 3}"#)[..] else { panic!() };
    let mut text = vec![1, 2];
    for token in tokens {
        let highest = (0..VOCAB as u64).max_by(|a, b| hash(&text, a + 1).total_cmp(&hash(&text, b + 1)));
        assert_eq!(u64::from(*token), highest.unwrap());
        text.push(*token);
    }
    assert_eq!((tokens.len(), *finish), (3, Some(FinishReason::Length)));
}

#[test]
fn a_prompt_gives_the_same_alone_and_in_any_batch() {
    for json in [SAMPLED, r#"{"max_new_tokens": 20, "eos_token_id": 5}"#] {
        let together = run(&prompts(), json);
        for (prompt, result) in prompts().into_iter().zip(&together) {
            assert_eq!(&run(&[prompt], json)[0], result);
        }
        let two_at_a_time = json.replacen('{', r#"{"max_batch_size": 2, "#, 1);
        assert_eq!(run(&prompts(), &two_at_a_time), together);
    }
}

#[test]
fn how_often_the_caller_looks_changes_nothing() {
    let whole = run(&prompts(), SAMPLED);
    for at_once in [1, 3] {
        assert_eq!(collect(start(&model(), &prompts(), SAMPLED).unwrap(), at_once), whole);
    }
}

#[test]
fn nothing_is_padded_or_read_twice_and_finished_rows_leave() {
    let model = model();
    let results = collect(start(&model, &[vec![1, 2, 3], vec![4]], r#"{"max_length": 5}"#).unwrap(), 100);
    let read: Vec<Vec<usize>> =
        model.calls.lock().unwrap().iter().map(|call| call.iter().map(Vec::len).collect()).collect();
    assert_eq!(read, [vec![3, 1], vec![1, 1], vec![1], vec![1]]);
    assert_eq!((results[0].0.len(), results[1].0.len()), (2, 4));
}

#[test]
fn continuations_of_one_prompt_differ_and_the_first_is_that_of_a_single_one() {
    let several = run(&[vec![1, 2]], &SAMPLED.replacen('{', r#"{"num_return_sequences": 3, "#, 1));
    assert_eq!(several[0], run(&[vec![1, 2]], SAMPLED)[0]);
    assert!(several[0] != several[1] && several[1] != several[2]);
}

#[test]
fn without_a_seed_runs_and_equal_prompts_differ() {
    let json = SAMPLED.replace(r#""seed": 11, "#, "");
    let results = run(&[vec![1, 2], vec![1, 2]], &json);
    assert_ne!(results[0], results[1]);
    assert_ne!(results, run(&[vec![1, 2], vec![1, 2]], &json));
}

#[test]
fn each_of_several_eos_tokens_ends_its_row() {
    for eos in [5, 9] {
        let model = Arc::new(Hashing { context: 200, fixed: Some((eos, 99.0)), ..Hashing::default() });
        let results = collect(start(&model, &[vec![1]], r#"{"eos_token_id": [5, 9]}"#).unwrap(), 10);
        assert_eq!(results, [(vec![eos], Some(FinishReason::Eos))]);
    }
}

#[test]
fn the_minimum_keeps_eos_away() {
    let model = Arc::new(Hashing { context: 200, fixed: Some((5, 99.0)), ..Hashing::default() });
    let results =
        collect(start(&model, &[vec![1]], r#"{"eos_token_id": 5, "min_new_tokens": 4}"#).unwrap(), 10);
    assert_eq!((results[0].0.len(), results[0].1), (5, Some(FinishReason::Eos)));
    assert!(!results[0].0[..4].contains(&5));
}

#[test]
fn without_a_limit_the_context_ends_the_row() {
    let results = run(&[vec![1; 190]], "{}");
    assert_eq!((results[0].0.len(), results[0].1), (10, Some(FinishReason::Context)));
    let results = run(&[vec![1; 200]], r#"{"max_new_tokens": 7}"#);
    assert_eq!((results[0].0.len(), results[0].1), (1, Some(FinishReason::Context)));
}

#[test]
fn impossible_requests_fail_before_the_first_token() {
    assert!(message(&[vec![1], vec![]], "{}").starts_with("prompt 1 has no tokens"));
    assert!(message(&[vec![99]], "{}").contains("token 99"));
    assert!(message(&[vec![1; 201]], "{}").contains("context holds 200"));
    assert!(message(&[vec![1]], r#"{"stop_strings": "x"}"#).contains("tokenizer"));
    assert!(message(&[vec![1]], r#"{"forced_eos_token_id": 40}"#).contains("forced_eos_token_id"));
    assert!(start(&model(), &[], "{}").unwrap().done());
}

#[test]
fn stop_strings_end_a_row_at_the_token_that_completes_them() {
    let free = run(&[vec![1, 2]], r#"{"max_new_tokens": 8}"#);
    let text: String = free[0].0.iter().map(|token| char::from(b'A' + *token as u8)).collect();
    let stop = &text[3..5];
    assert_eq!(text.find(stop), Some(3));
    let params = Params { max_new_tokens: Some(8), stop_strings: vec![stop.into()], ..Params::default() };
    let mut generation = Generation::new(model(), &[vec![1, 2]], params, Some(letters()), None).unwrap();
    let events = generation.advance(100, LONG).unwrap();
    assert_eq!(events.iter().map(|event| event.token).collect::<Vec<_>>(), free[0].0[..5]);
    assert_eq!(events[4].finish, Some(FinishReason::Stop));
    assert_eq!(generation.take_text(0), text[..3]);
    assert_eq!(generation.take_text(0), "");
}

#[test]
fn the_text_of_the_steps_is_the_text_of_the_whole() {
    let params = Params { max_new_tokens: Some(30), ..Params::default() };
    let open = || Some(letters());
    let mut whole = Generation::new(model(), &[vec![3]], params.clone(), open(), None).unwrap();
    whole.advance(100, LONG).unwrap();
    let mut steps = Generation::new(model(), &[vec![3]], params, open(), None).unwrap();
    let mut text = String::new();
    while !steps.done() {
        steps.advance(1, LONG).unwrap();
        text += &steps.take_text(0);
    }
    assert_eq!(text, whole.take_text(0));
    assert!(!text.contains("<end>"));
}

#[test]
fn nan_is_an_error_and_ends_the_run() {
    let model = Arc::new(Hashing { context: 200, fixed: Some((3, f32::NAN)), ..Hashing::default() });
    let mut generation = start(&model, &[vec![1]], "{}").unwrap();
    assert!(generation.advance(5, LONG).unwrap_err().to_string().contains("NaN"));
    assert!(generation.done());
}

#[test]
fn cancellation_ends_the_run_between_tokens() {
    let mut generation = start(&model(), &[vec![1]], "{}").unwrap();
    assert_eq!(generation.advance(2, LONG).unwrap().len(), 2);
    generation.cancellation().store(true, Ordering::Relaxed);
    assert!(generation.advance(2, LONG).unwrap().is_empty() && generation.done());
}

#[test]
fn the_allowed_time_ends_every_row_with_a_token() {
    let results = run(&[vec![1], vec![2]], r#"{"max_time": 1e-9}"#);
    assert!(results.iter().all(|(tokens, finish)| tokens.len() == 1 && *finish == Some(FinishReason::Time)));
}

fn continued(model: &Arc<Hashing>, store: &Arc<SequenceStore<Vec<u32>>>, prompt: &[u32]) -> Vec<u32> {
    let params = Params { max_new_tokens: Some(4), ..Params::default() };
    let store = Some(Arc::clone(store));
    let generation = Generation::new(Arc::clone(model), &[prompt.to_vec()], params, None, store).unwrap();
    collect(generation, 10).remove(0).0
}

#[test]
fn a_prompt_that_continues_the_last_text_reads_only_what_is_new() {
    let (model, store) = (model(), Arc::default());
    let mut prompt = vec![1, 2, 3];
    prompt.extend(continued(&model, &store, &prompt));
    prompt.extend([8, 9]);
    model.calls.lock().unwrap().clear();
    let tokens = continued(&model, &store, &prompt);
    // The last token generated before was never read: it comes first.
    assert_eq!(model.calls.lock().unwrap()[0], [vec![prompt[6], 8, 9]]);
    assert_eq!(tokens, run(&[prompt], r#"{"max_new_tokens": 4}"#)[0].0);
}

#[test]
fn a_changed_text_is_cut_back_to_what_is_shared() {
    let (model, store) = (model(), Arc::default());
    continued(&model, &store, &[1, 2, 3, 4]);
    for prompt in [vec![1, 2, 6], vec![1, 2], vec![30, 2]] {
        assert_eq!(
            continued(&model, &store, &prompt),
            run(std::slice::from_ref(&prompt), r#"{"max_new_tokens": 4}"#)[0].0
        );
    }
    assert_eq!(model.calls.lock().unwrap()[4][0], [6]);
}

#[test]
fn what_a_model_forgets_when_it_goes_back_is_read_again() {
    for (snapshots, read) in [(1, vec![5]), (3, vec![4, 5]), (100, vec![1, 2, 3, 4, 5])] {
        let model = Arc::new(Hashing { context: 200, snapshots, ..Hashing::default() });
        let store = Arc::default();
        let first = continued(&model, &store, &[1, 2, 3, 4, 5]);
        model.calls.lock().unwrap().clear();
        assert_eq!(continued(&model, &store, &[1, 2, 3, 4, 5]), first);
        assert_eq!(model.calls.lock().unwrap()[0], [read]);
    }
}

#[test]
fn continuations_of_a_model_that_cannot_go_back_are_the_same() {
    let json = SAMPLED.replacen('{', r#"{"num_return_sequences": 3, "#, 1);
    let model = Arc::new(Hashing { context: 200, snapshots: 64, ..Hashing::default() });
    assert_eq!(collect(start(&model, &prompts(), &json).unwrap(), 100), run(&prompts(), &json));
}

#[test]
fn a_run_dropped_half_way_keeps_what_it_read() {
    let (model, store) = (model(), Arc::new(SequenceStore::default()));
    let open = |prompt: &[u32]| {
        Generation::new(
            Arc::clone(&model),
            &[prompt.to_vec()],
            Params::default(),
            None,
            Some(Arc::clone(&store)),
        )
    };
    open(&[1, 2, 3]).unwrap().advance(1, LONG).unwrap();
    open(&[1, 2, 3, 4]).unwrap().advance(1, LONG).unwrap();
    assert_eq!(model.calls.lock().unwrap()[1], [vec![4]]);
}

/// The definition: a full context goes on with its newest half.
fn sliding(prompt: &[u32], context: usize, count: usize) -> Vec<u32> {
    let (mut text, mut start) = (prompt.to_vec(), 0);
    for _ in 0..count {
        if text.len() - start > context {
            start = text.len() - context / 2;
        }
        let best = |a: &u64, b: &u64| hash(&text[start..], a + 1).total_cmp(&hash(&text[start..], b + 1));
        text.push((0..VOCAB as u64).max_by(best).unwrap() as u32);
    }
    text[prompt.len()..].to_vec()
}

#[test]
fn a_sliding_context_goes_on_as_from_a_prompt_of_its_newest_half() {
    let model = Arc::new(Hashing { context: 20, ..Hashing::default() });
    let prompts: Vec<Vec<u32>> = [1, 19, 20, 21, 50].map(|n| (0..n).map(|t| t % 37).collect()).to_vec();
    for at_once in [1, 100] {
        let json = r#"{"context": "slide", "max_new_tokens": 45}"#;
        let results = collect(start(&model, &prompts, json).unwrap(), at_once);
        for (prompt, (tokens, finish)) in prompts.iter().zip(results) {
            assert_eq!(tokens, sliding(prompt, 20, 45), "a prompt of {}", prompt.len());
            assert_eq!(finish, Some(FinishReason::Length));
        }
    }
}

#[test]
fn a_sliding_context_needs_another_limit() {
    assert!(message(&[vec![1]], r#"{"context": "slide"}"#).contains("max_new_tokens"));
    assert!(message(&[vec![1; 201]], r#"{"max_new_tokens": 3}"#).contains("context=\"slide\""));
    assert!(message(&[vec![1]], r#"{"context": "forget"}"#).contains("\"error\" or \"slide\""));
}

#[test]
fn continuations_of_a_prompt_read_it_once() {
    let prompt: Vec<u32> = (0..150).map(|n| n % 37).collect();
    let json = SAMPLED.replacen('{', r#"{"num_return_sequences": 3, "max_batch_size": 2, "#, 1);
    let model = model();
    let results = collect(start(&model, &[vec![4, 5], prompt.clone()], &json).unwrap(), 100);
    let calls = model.calls.lock().unwrap();
    let long = calls.iter().flatten().filter(|tokens| tokens.len() > 1).map(Vec::len).sum::<usize>();
    assert_eq!(long, 2 + 150);
    // Each continuation is what it is among others and alone.
    let alone = run(&[prompt], &SAMPLED.replacen('{', r#"{"num_return_sequences": 3, "#, 1));
    assert_eq!(results[3..], alone[..]);
}

#[test]
fn conversations_that_take_turns_keep_what_was_read() {
    let (model, store) = (model(), Arc::default());
    let mut texts: Vec<Vec<u32>> =
        [9, 14, 23, 30].map(|n| (0..30).map(|t| (t * n + n) % 37).collect()).to_vec();
    for round in 0..3 {
        for text in &mut texts {
            model.calls.lock().unwrap().clear();
            let answer = continued(&model, &store, text);
            let read: usize = model.calls.lock().unwrap().iter().flatten().map(Vec::len).sum();
            assert!(round == 0 || read < 10, "round {round} read {read} tokens");
            text.extend(answer);
            text.extend([1, 2]);
        }
    }
}

#[test]
fn a_shared_beginning_is_copied_and_both_conversations_stay() {
    let (model, store) = (model(), Arc::default());
    let long: Vec<u32> = (0..60).map(|n| n % 37).collect();
    let other: Vec<u32> = long[..20].iter().copied().chain([38, 38, 3]).collect();
    continued(&model, &store, &long);
    model.calls.lock().unwrap().clear();
    continued(&model, &store, &other);
    assert_eq!(model.calls.lock().unwrap()[0], [vec![38, 38, 3]]);
    model.calls.lock().unwrap().clear();
    continued(&model, &store, &long);
    assert_eq!(model.calls.lock().unwrap()[0], [vec![long[59]]]);
}
