import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

/** A question that has to be answered first. Escape and the first button leave everything as it is. */
export function Dialog({
  title,
  children,
  actions,
  leave = 'Leave it',
  onClose,
}: {
  title: string;
  children: ComponentChildren;
  actions: ComponentChildren;
  /** What the first button says. */
  leave?: string;
  onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    // Closing gives the focus back; removing alone would not.
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={titleId}>{title}</h2>
      {children}
      <div class="actions">
        <button type="button" onClick={onClose}>
          {leave}
        </button>
        {actions}
      </div>
    </dialog>
  );
}
