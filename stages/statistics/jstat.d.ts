declare module 'jstat' {
  const jstat: {
    readonly jStat: {
      /** The regularised incomplete beta function I_x(a, b). */
      ibeta(x: number, a: number, b: number): number;
      gammaln(x: number): number;
      readonly studentt: {inv(p: number, df: number): number};
    };
  };
  export default jstat;
}
