import { useState } from 'preact/hooks';
import type { ScheduleView } from '../../src/contract/schedule.ts';
import { announce } from '../state/announce.ts';
import { useClient } from '../state/session.ts';
import { whyNot } from '../text/failure.ts';

/** Pauses a schedule, or resumes it. Both can be taken back, so nobody is asked whether they mean it. */
export function PauseSwitch({ of: { name, paused }, onChange }: { of: ScheduleView; onChange: () => void }) {
  const client = useClient();
  const [problem, setProblem] = useState<unknown>();
  const verb = paused ? 'Resume' : 'Pause';

  async function change(): Promise<void> {
    setProblem(undefined);
    try {
      await (paused ? client.resumeSchedule(name) : client.pauseSchedule(name));
      announce(paused ? `${name} goes on with its next planned time` : `${name} is paused`);
    } catch (error) {
      setProblem(error);
    }
    onChange();
  }

  return (
    <>
      {/* Never switched off: it would lose the focus. */}
      <button type="button" class="quiet" aria-label={`${verb} ${name}`} onClick={() => void change()}>
        {verb}
      </button>
      {problem !== undefined && (
        <p class="problem" role="alert">
          {whyNot(problem)}
        </p>
      )}
    </>
  );
}
