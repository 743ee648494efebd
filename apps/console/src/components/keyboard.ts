export const onEscape = (act: () => void) => (event: KeyboardEvent) => {
  if (event.key === 'Escape') act();
};
