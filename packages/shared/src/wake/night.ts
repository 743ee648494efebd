/** Whether an hour of the local day (0 to 23) is at night: from 22 to 7 o'clock. */
export function isNight(hour: number): boolean {
  return hour >= 22 || hour < 7;
}
