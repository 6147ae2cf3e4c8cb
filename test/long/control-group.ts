/** Linux control groups (version 1 or 2) with limits of their own, below the group that the tests run in. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface GroupLimits {
  /** Processors. */
  cpus?: number;
  /** Bytes. */
  memory?: number;
}

const PERIOD = 100_000; // us

interface Mount {
  /** Directory of this process' group. */
  group: string;
  v2: boolean;
}

/** Where the kernel shows the group of this process that has `controller`. */
function find(controller: 'cpu' | 'memory'): Mount | undefined {
  const lines = (path: string) => readFileSync(path, 'utf8').trim().split('\n');
  // id:controllers:path
  const groups = lines('/proc/self/cgroup').map((line) => line.split(':'));
  const v1 = groups.find(([, controllers]) => controllers!.split(',').includes(controller));
  const path = (v1 ?? groups.find(([, controllers]) => controllers === ''))?.slice(2).join(':');
  if (path === undefined) return undefined;
  for (const line of lines('/proc/self/mountinfo')) {
    const [place, source] = line.split(' - ').map((half) => half.split(' '));
    const [type, , options] = source!;
    if (v1 ? type !== 'cgroup' || !options!.split(',').includes(controller) : type !== 'cgroup2') continue;
    const [top, point] = [place![3]!, place![4]!];
    return { group: join(point, path.startsWith(top) ? path.slice(top.length) : ''), v2: !v1 };
  }
  return undefined;
}

export class ControlGroup {
  private constructor(readonly folders: ReadonlyMap<'cpu' | 'memory', Mount>) {}

  /** Throws the reason when this system or this user cannot make one. */
  static make({ cpus, memory }: GroupLimits): ControlGroup {
    const folders = new Map<'cpu' | 'memory', Mount>();
    const made = new ControlGroup(folders);
    const name = `adaptune-test-${process.pid}-${performance.now().toFixed(0)}`;
    const add = (controller: 'cpu' | 'memory', settings: (v2: boolean) => Record<string, string>) => {
      const mount = find(controller);
      if (!mount) throw new Error(`no control group with ${controller}`);
      const group = join(mount.group, name);
      if (mount.v2) writeFileSync(join(mount.group, 'cgroup.subtree_control'), `+${controller}`);
      mkdirSync(group, { recursive: true });
      folders.set(controller, { group, v2: mount.v2 });
      for (const [file, value] of Object.entries(settings(mount.v2))) writeFileSync(join(group, file), value);
    };
    try {
      if (cpus !== undefined) {
        const quota = `${Math.round(cpus * PERIOD)}`;
        add('cpu', (v2) =>
          v2 ? { 'cpu.max': `${quota} ${PERIOD}` } : { 'cpu.cfs_period_us': `${PERIOD}`, 'cpu.cfs_quota_us': quota },
        );
      }
      if (memory !== undefined) add('memory', (v2) => ({ [v2 ? 'memory.max' : 'memory.limit_in_bytes']: `${memory}` }));
    } catch (error) {
      made.#remove();
      throw error;
    }
    return made;
  }

  /** A command line that enters the group and becomes `command`. */
  wrap(command: readonly string[]): { file: string; args: string[] } {
    const enter = [...this.folders.values()].map(({ group }) => `echo $$ > '${join(group, 'cgroup.procs')}'`);
    return { file: '/bin/sh', args: ['-c', `${enter.join(' && ')} && exec "$@"`, 'sh', ...command] };
  }

  /** Bytes, page cache included. */
  peakMemory(): number {
    const { group, v2 } = this.folders.get('memory')!;
    return Number(readFileSync(join(group, v2 ? 'memory.peak' : 'memory.max_usage_in_bytes'), 'utf8'));
  }

  /** Processes that the kernel killed for memory. */
  kills(): number {
    const { group, v2 } = this.folders.get('memory')!;
    const text = readFileSync(join(group, v2 ? 'memory.events' : 'memory.oom_control'), 'utf8');
    return Number(/oom_kill (\d+)/.exec(text)![1]);
  }

  /** Periods in which the quota was used up. */
  throttled(): number {
    const { group } = this.folders.get('cpu')!;
    return Number(/nr_throttled (\d+)/.exec(readFileSync(join(group, 'cpu.stat'), 'utf8'))![1]);
  }

  /** Once its processes ended. */
  async remove(): Promise<void> {
    for (let left = 100; ; --left) {
      try {
        return this.#remove();
      } catch (error) {
        if (left === 0) throw error;
        await sleep(20);
      }
    }
  }

  #remove(): void {
    for (const { group } of this.folders.values()) {
      try {
        rmdirSync(group);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }
}
