"""Processor seconds that the library under transformers takes for all texts, the folders' tokenizers in turn.

usage: python tokenizer_speed.py ROUNDS DATA.jsonl FOLDER...

Prints a list of seconds by round for each folder. One thread: waiting threads would count.
"""

import gc
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import transformers  # noqa: E402


def main() -> None:
    rounds, data, *folders = sys.argv[1:]
    with open(data, encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    loaded = [
        transformers.AutoTokenizer.from_pretrained(f).backend_tokenizer for f in folders
    ]
    seconds = [[] for _ in folders]
    for _ in range(int(rounds)):
        for tokenizer, times in zip(loaded, seconds):
            gc.collect()
            begin = time.process_time()
            tokenizer.encode_batch(texts)
            times.append(time.process_time() - begin)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
