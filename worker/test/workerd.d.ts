/** The package's only export: where its binary is. */
declare module 'workerd' {
  const binary: { default: string };
  export default binary;
}
