"""Does transformers read a folder that adaptune saved as adaptune does? The same ids and the same logits on every text.

usage: node dist/bench/saved-folder.js DIR DATA.jsonl OURS.json && check_saved_folder.py DIR DATA.jsonl OURS.json
       (needs torch, transformers; prints one JSON object, exits 1 when something differs)

DIR is loaded with AutoTokenizer and AutoModelForSequenceClassification and nothing else; `logits` counts a text as equal when its
logits differ by at most 1e-4 of their largest magnitude (two fp32 engines), and `predictions` compares the largest.
"""
import json, pathlib, sys
import torch, transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

if len(sys.argv) != 4: sys.exit(__doc__)
transformers.logging.set_verbosity_error(); transformers.logging.disable_progress_bar()
folder, data, ours = sys.argv[1], sys.argv[2], json.load(open(sys.argv[3]))
texts = [json.loads(line)["text"] for line in open(data, encoding="utf-8") if line.strip()]
tokenizer = AutoTokenizer.from_pretrained(folder)
model, loading = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
model.eval()
assert len(texts) == len(ours["ids"]), f"expected {len(ours['ids'])} texts but {data} has {len(texts)}"
ids = [tokenizer(t, truncation=True)["input_ids"] for t in texts]
with torch.no_grad(): logits = torch.cat([model(torch.tensor([row])).logits for row in ids]).double()
mine = torch.tensor(ours["logits"], dtype=torch.float64)
other_ids = sum(a != b for a, b in zip(ids, ours["ids"]))
other_logits = int(((mine - logits).abs().amax(1) > 1e-4 * logits.abs().amax(1)).sum())
other_predictions = int((mine.argmax(1) != logits.argmax(1)).sum())
labels = [model.config.id2label[i] for i in range(model.config.num_labels)]
keys = {k: sorted(v) for k, v in loading.items() if k in ("missing_keys", "unexpected_keys", "mismatched_keys") and v}
print(json.dumps(dict(
    folder=pathlib.Path(folder).resolve().name, texts=len(texts), new_tokens=ours["newTokens"], longest=max(map(len, ids)), isa=ours["isa"],
    texts_with_other_ids=other_ids, texts_with_other_logits=other_logits, texts_with_other_predictions=other_predictions, labels_equal=labels == ours["labels"],
    max_abs_error=float(f"{(mine - logits).abs().max():.3e}"), relative_error=float(f"{(mine - logits).norm() / logits.norm():.3e}"), loading=keys,
    tokenizer=type(tokenizer).__name__, torch=torch.__version__, transformers=transformers.__version__), indent=1))
sys.exit(bool(other_ids or other_logits or other_predictions or labels != ours["labels"] or keys))
