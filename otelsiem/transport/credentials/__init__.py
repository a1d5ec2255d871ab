"""Floor 2: identities for signed requests. Filled by the cloud destinations."""
