"""Do a saved tokenizer's ids agree with transformers' AutoTokenizer loaded from the same folder?

usage: python check_tokenizer.py FOLDER DATA.jsonl IDS.jsonl

DATA has a "text" (and, for pairs, a "pair") a line; IDS the list of ids, cut to the tokenizer's model_max_length.
Prints one JSON line; exit status 1 when a text differs.
"""

import json
import sys

import tokenizers
import transformers


def main() -> int:
    folder, data, ids = sys.argv[1:]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with open(data, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    with open(ids, encoding="utf-8") as file:
        expected = [json.loads(line) for line in file]
    assert len(rows) == len(expected), (len(rows), len(expected))
    encoded = [
        tokenizer(row["text"], row.get("pair"), truncation=True)["input_ids"]
        for row in rows
    ]
    different = [i for i, (a, b) in enumerate(zip(encoded, expected)) if a != b]
    for i in different[:3]:
        print(rows[i], encoded[i], expected[i], sep="\n", file=sys.stderr)
    print(
        json.dumps(
            {
                "texts": len(rows),
                "equal": len(rows) - len(different),
                "class": type(tokenizer).__name__,
                "max_length": tokenizer.model_max_length,
                "version": transformers.__version__,
                "tokenizers": tokenizers.__version__,
            }
        )
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
