/** A step did not do what the script says. */
final class Failed extends Exception {
  private static final long serialVersionUID = 1;

  Failed(String what) {
    super(what);
  }

  static void unless(boolean holds, String what) throws Failed {
    if (!holds) {
      throw new Failed(what);
    }
  }
}
