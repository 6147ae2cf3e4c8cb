/**
 * What a disk may hold after the power failed: replays recorded file operations up to a random one, then loses some of
 * what was not synced. Unsynced contents of a file are lost from some point on, and from there dropped, zeroed or garbled
 * (the length may be there already); unsynced names of a folder are lost from some operation on, as journals do.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { Recorded } from '../../lib/util/files.js';

interface Inode {
  written: Buffer;
  /** Bytes that are safe. */
  synced: number;
}
type Name = { change: 'set'; name: string; node: Inode | Folder } | { change: 'unset'; name: string };
class Folder {
  /** Every change of names, in order; the first `synced` are safe. */
  changes: Name[] = [];
  synced = 0;

  now(count = this.changes.length): Map<string, Inode | Folder> {
    const names = new Map<string, Inode | Folder>();
    for (const change of this.changes.slice(0, count)) {
      if (change.change === 'set') names.set(change.name, change.node);
      else names.delete(change.name);
    }
    return names;
  }
}

export type Below = (n: number) => number;

/** A disk whose folder `root` is there and empty. */
export class Disk {
  private readonly top = new Folder();
  constructor(private readonly root: string) {}

  private folder(path: string): Folder {
    let folder = this.top;
    for (const part of relative(this.root, path).split('/')) {
      if (part !== '') folder = folder.now().get(part) as Folder;
    }
    return folder;
  }

  apply({ operation, path, from, data }: Recorded): void {
    // Syncs of folders above are outside of what is replayed.
    if (relative(this.root, path).startsWith('..')) return;
    const parent = path === this.root ? this.top : this.folder(dirname(path));
    const name = basename(path);
    const node = path === this.root ? this.top : parent.now().get(name);
    switch (operation) {
      case 'open':
        parent.changes.push({ change: 'set', name, node: { written: Buffer.alloc(0), synced: 0 } });
        return;
      case 'mkdir':
        parent.changes.push({ change: 'set', name, node: new Folder() });
        return;
      case 'write': {
        const inode = node as Inode;
        inode.written = Buffer.concat([inode.written, data!]);
        return;
      }
      case 'sync':
        if (node instanceof Folder) node.synced = node.changes.length;
        else (node as Inode).synced = (node as Inode).written.length;
        return;
      case 'rename': {
        // Within one folder, as every rename of the library: one change.
        const moved = parent.now().get(basename(from!))!;
        parent.changes.push({ change: 'set', name, node: moved }, { change: 'unset', name: basename(from!) });
        return;
      }
      case 'remove':
        parent.changes.push({ change: 'unset', name });
        return;
      case 'read':
      case 'list':
      case 'stat':
        throw new Error(`${operation} changes nothing`);
    }
  }

  /** Writes a possible state after the power failed now into `target`. */
  lose(target: string, below: Below, folder = this.top): void {
    mkdirSync(target, { recursive: true });
    const kept = folder.synced + below(folder.changes.length - folder.synced + 1);
    for (const [name, node] of folder.now(kept)) {
      if (node instanceof Folder) this.lose(join(target, name), below, node);
      else writeFileSync(join(target, name), this.contents(node, below));
    }
  }

  private contents({ written, synced }: Inode, below: Below): Buffer {
    const unsynced = written.length - synced;
    if (unsynced === 0) return written;
    const good = synced + below(unsynced + 1);
    const tail = Buffer.from(written.subarray(good));
    switch (below(3)) {
      case 0:
        return written.subarray(0, good);
      case 1:
        return Buffer.concat([written.subarray(0, good), tail.fill(0)]);
      default:
        return Buffer.concat([written.subarray(0, good), tail.map((byte) => byte ^ (1 + below(255)))]);
    }
  }
}
