"""Compare pooled vectors and logits that bench/minilm-parity.ts wrote with PyTorch in fp64, and PyTorch's own fp32 with the same.

usage: minilm_parity.py MODEL_DIR OURS.json...     (one file per instruction set; needs torch, transformers; prints one JSON object)

Errors: `max_abs` over all elements, `relative` |x - r| / |r| in the L2 norm over all texts. Exits 1 when the ids differ or an error of
ours is above twice PyTorch's fp32 error with a floor of 8 eps.
"""
import json, pathlib, sys
import torch, transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

if len(sys.argv) < 3: sys.exit(__doc__)
transformers.logging.set_verbosity_error(); transformers.logging.disable_progress_bar()
folder, runs = sys.argv[1], [json.load(open(path)) for path in sys.argv[2:]]
ours = runs[0]
assert all(run["ids"] == ours["ids"] and run["classifier"] == ours["classifier"] for run in runs), "expected runs of the same texts and head"
tokenizer = AutoTokenizer.from_pretrained(folder)
ids = [tokenizer(t, truncation=True, max_length=ours["maxLength"], padding=False)["input_ids"] for t in ours["texts"]]
differ = sum(a != b for a, b in zip(ids, ours["ids"]))


def run(dtype):
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(ours["classifier"]["bias"]), attn_implementation="eager", dtype=dtype).eval()
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor(ours["classifier"]["weight"])); model.classifier.bias.copy_(torch.tensor(ours["classifier"]["bias"]))
        pooled = torch.cat([model.bert(torch.tensor([row])).pooler_output for row in ids])  # one text at a time: no padding
        return {"pooled": pooled.double(), "logits": model.classifier(pooled).double()}


def errors(x, r): return {"max_abs": float(f"{(x - r).abs().max():.3e}"), "relative": float(f"{(x - r).norm() / r.norm():.3e}")}


exact, single = run(torch.float64), run(torch.float32)
out = dict(model=pathlib.Path(folder).resolve().name, texts=len(ids), tokens=sum(map(len, ids)), texts_with_other_ids=differ, version=ours["version"],
           torch=torch.__version__, transformers=transformers.__version__)
failed = differ > 0
for key, r in exact.items():
    peer = errors(single[key], r)
    out[key] = dict(torch_fp32=peer) | {own["isa"]: errors(torch.tensor(own[key], dtype=torch.float64), r) for own in runs}
    failed |= any(own["relative"] > 2 * max(peer["relative"], 8 * 2**-23) for own in out[key].values())
print(json.dumps(out, indent=1))
sys.exit(failed)
